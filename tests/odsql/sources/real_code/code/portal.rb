require "httparty"

BASE = "https://data.example.org/api/explore/v2.1/catalog/datasets".freeze
OPEN = "status = 'open'"

def form(town)
  uri = URI("#{BASE}/x/records")
  uri.query = URI.encode_www_form(where: "town = \"#{town}\" and n > 5", "order_by" => 'name', :limit => 20)
  Net::HTTP.get(uri)
end

def party
  HTTParty.get("#{BASE}/x/records", query: {
    where: OPEN,
    select: "name, " \
            "count(*) as n",
    group_by: %q(name),
    refine: ["kind:bus", "kind:tram"],
  })
end

def faraday(since)
  conn.get("#{BASE}/x/records") do |req|
    req.params["where"] = format("date >= date'%s'", since)
    req.params[:order_by] = "date"
  end
end

def client(ids)
  params = { where: <<~ODSQL, limit: 5 }
    id in (#{ids.join(", ")})
    and a is not null
  ODSQL
  params[:select] = %w[a b].join(",")
  RestClient.get("#{BASE}/x/records", params: params)
end

def whole(name)
  open("#{BASE}/x/records?where=#{CGI.escape("name like '#{name}'")}&select=name")
end

def wrapper = records("x", where: ["a > 1", "b < 2"].join(" and "), order_by: "a")

User.where(name: "a").select("name").order("name").limit(5)
LABELS = { where: "Where?", select: "Choose" }
