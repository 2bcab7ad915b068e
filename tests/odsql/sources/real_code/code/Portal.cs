using Flurl;

public class Portal
{
    private const string Base = "https://data.example.org/api/explore/v2.1/catalog/datasets";
    private const string Open = "status = 'open'";

    public string Helpers(string town)
    {
        var query = new Dictionary<string, string?>
        {
            ["where"] = $"town = \"{town}\" and n > 5",
            ["order_by"] = "name",
        };
        var other = new Dictionary<string, string> { { "where", @"name = ""a""" }, { "limit", "10" } };
        return QueryHelpers.AddQueryString(Base + "/x/records", query) + Get(other);
    }

    public string Parsed(DateTime since)
    {
        var query = HttpUtility.ParseQueryString(string.Empty);
        query["select"] = "name, count(*) as n";
        query["where"] = string.Format("date >= date'{0:yyyy-MM-dd}'", since);
        query.Add("group_by", "name");
        return $"{Base}/x/records?{query}";
    }

    public Task Flurl() => $"{Base}/x/records"
        .SetQueryParam("where", Open)
        .SetQueryParams(new { select = "name", limit = 5 })
        .GetJsonAsync<Records>();

    public RestRequest Rest(int id)
    {
        var request = new RestRequest("x/records");
        request.AddQueryParameter("where", """
            kind = "bus"
            and n > 3
            """);
        request.AddParameter("refine", $"kind:{id}");
        return request;
    }

    public string Whole(string ids)
    {
        return $"{Base}/x/records?where={Uri.EscapeDataString($"id in ({ids})")}&limit=3";
    }

    public Task Named() => client.RecordsAsync("x", where: "a is not null", orderBy: "a", limit: 3);

    public Query Typed() => new Query { Where = "a > 1", Select = "a", Limit = 5 };
}
