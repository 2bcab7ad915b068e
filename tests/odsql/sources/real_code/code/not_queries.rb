DOCS = "https://data.example.org/api/explore/v2.1/catalog/datasets"
LABELS = { where: "Where do you live?", select: "Choose", limit: "No limit" }
User.where("a = 1").select("name").order("name").limit(3)
User.find(:all, select: "name", where: { a: 1 }, limit: 3)
t("where", select: "Choose")
form.select :where, "Where?"
f.input :select, label: "Choose", limit: 3
Sequel[:a].where(Sequel.lit("a = 1")).order(:b)
