// api/explore/v2.1/catalog
fn f() { let p = vec![("where".to_string(), "a > 1".to_string()), ("limit".to_string(), "5".into())]; c.get(U).query(&p);
 m.insert(String::from("where"), format!("b = {}", x)); let u = Url::parse_with_params(B, &[("where", "c > 1")]); }
