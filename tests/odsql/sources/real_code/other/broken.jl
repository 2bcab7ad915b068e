using HTTP
u = "https://data.example.org/api/explore/v2.1/catalog/datasets/a/records"
HTTP.get(u; query = Dict("where" => "n <> '$n'", "order_by" => "n"))
HTTP.get(u; query = ["group_by" => "year(date", "select" => "count(*) as n"])
