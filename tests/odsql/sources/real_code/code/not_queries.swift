// See https://data.example.org/api/explore/v2.1/catalog/datasets
let labels = ["where": "Where do you live?", "select": "Choose"]
let rows = users.select(name).where(id == 1).order(name).limit(10)
defaults.set("limit", 10)
NSLocalizedString("where", comment: "select")
let other = URL(string: "https://api.example.org/v1/search?limit=10")
