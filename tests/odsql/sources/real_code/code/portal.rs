use reqwest::Client;

const BASE: &str = "https://data.example.org/api/explore/v2.1/catalog/datasets";
const OPEN: &str = "status = 'open'";

async fn pairs(town: &str) -> Result<Records> {
    Client::new()
        .get(format!("{BASE}/x/records"))
        .query(&[
            ("where", format!("town = \"{}\" and n > 5", town)),
            ("order_by", "name".to_string()),
        ])
        .query(&[("limit", 20)])
        .send()
        .await
}

fn url(ids: &str) -> Url {
    let mut url = Url::parse(&format!("{}/x/records", BASE)).unwrap();
    url.query_pairs_mut()
        .append_pair("where", &format!("id in ({ids}) \
            and a > 1"))
        .append_pair("select", r#"count(*) as n"#);
    url
}

fn ureq_call() {
    ureq::get(&url).query("where", OPEN).query("limit", "5").call();
}

fn maps() {
    let params = HashMap::from([("where", "a is not null"), ("refine", "kind:bus")]);
    let mut other = HashMap::new();
    other.insert("where", "b = 'x'");
    other.insert("order_by", "b");
    client.get(BASE).query(&params).send();
    client.get(BASE).query(&other).send();
    let query = Query { r#where: Some("c > 1".into()), limit: 5 };
}
