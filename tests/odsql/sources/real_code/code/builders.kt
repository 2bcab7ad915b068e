// api/explore/v2.1/catalog
fun f() { val m = buildMap { put("where", "a > 1"); put("limit", "5") }
 client.get(u) { url { parameters.apply { append("where", "b > 1") } } }
 val x = if (a) "c > 1" else "d > 1"
 c.get(u) { parameter("where", x) } }
