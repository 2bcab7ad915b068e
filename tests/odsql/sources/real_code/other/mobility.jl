using HTTP, JSON3, Printf

const BASE = "https://data.example.org/api/explore/v2.1/catalog/datasets"
const BUSY = "bikes > 10"

function stations(city, ids)
    r = HTTP.get("$BASE/velib/records"; query = Dict(
        "where" => "city = '$city' and id in ($(join(ids, ", ")))",
        "select" => "name, " * "bikes",
        :limit => 20,
    ))
    JSON3.read(r.body)
end

params = Dict{String, Any}("where" => BUSY, "limit" => 100)
params["order_by"] = "bikes desc"
HTTP.request("GET", "$(BASE)/velib/records"; query = params)

query = ["select" => string("count(*) as n, ", field), "group_by" => "city"]
HTTP.get(url, headers; query)

HTTP.get(url; query = (; where = """
    bikes > 3
    and city is not null""", order_by = "bikes"))

clauses = ["bikes > 1", "docks > 2"]
HTTP.get(url, query = merge(params, Dict("where" => join(["bikes > 1", "docks > 2"], " and "))))
HTTP.get(HTTP.URI(base; query = HTTP.escapeuri(Dict("where" => raw"name like \"x\"" ))))
HTTP.get(url; query = Dict("where" => @sprintf("bikes > %d", n), "refine" => ["a:b", "c:d"]))
#= a comment: query = Dict("where" => "not read") =#
# HTTP.get(url; query = Dict("where" => "not read either"))
x' * y'  # transposed
tail = Dict("select" => "name", "limit" => 3)
