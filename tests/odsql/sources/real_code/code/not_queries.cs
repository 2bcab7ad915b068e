// See https://data.example.org/api/explore/v2.1/catalog/datasets
class NotQueries {
    void F() {
        var q = users.Where(u => u.Id == 1).Select(u => u.Name).OrderBy(n => n).Take(10);
        labels["where"] = "Where do you live?";
        var form = new Form { Select = "Choose", Where = "Here", Limit = 10 };
        command.Parameters.AddWithValue("limit", 10);
        var sql = new Dictionary<string, string> { ["select"] = "id", ["from"] = "users", ["where"] = "deleted = 0" };
    }
}
