// See https://data.example.org/api/explore/v2.1/catalog/datasets
fn f() {
    let labels = HashMap::from([("where", "Where do you live?"), ("select", "Choose")]);
    users.select(name).filter(id.eq(1)).order(name).limit(10);
    headers.insert("limit", "10");
    sqlx::query("SELECT a FROM b WHERE c = 1 LIMIT 10");
    let form = Form { select: "Choose", r#where: "Here", limit: 10 };
}
