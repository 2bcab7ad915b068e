class A { // api/explore/v2.1/catalog
 void f() { Map<String,String> m = Map.ofEntries(Map.entry("where", "a > 1"), entry("limit", "2"));
  URI u = b.queryParam("where", "{where}").queryParam("select", "a,b").buildAndExpand(x).toUri();
  Map<String,String> n = new HashMap<>() {{ put("where", "b > 1"); put("order_by", "b"); }};
  List<NameValuePair> params = new ArrayList<>(); params.add(new BasicNameValuePair("where", "c > 1")); params.add(new BasicNameValuePair("limit", "1"));
 } }
