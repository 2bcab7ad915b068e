import Foundation

let base = "https://data.example.org/api/explore/v2.1/catalog/datasets"

func items(town: String) -> URL? {
    var components = URLComponents(string: "\(base)/x/records")
    components?.queryItems = [
        URLQueryItem(name: "where", value: "town = \"\(town)\" and n > 5"),
        URLQueryItem(name: "order_by", value: "name"),
        .init(name: "limit", value: "20"),
    ]
    components?.queryItems?.append(URLQueryItem(name: "refine", value: "kind:bus"))
    return components?.url
}

func alamofire(since: String) {
    let parameters: [String: Any] = [
        "where": String(format: "date >= date'%@'", since),
        "select": "name, " + "count(*) as n",
        "limit": 10,
    ]
    AF.request("\(base)/x/records", parameters: parameters)
}

func changed() {
    var params = [String: String]()
    params["where"] = """
        kind = "bus"
        and n > 3
        """
    params["group_by"] = "kind"
    fetch(params)
}

func named() async { await records(dataset: "x", where: "a is not null", orderBy: "a") }
