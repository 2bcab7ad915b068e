package portal

const val BASE = "https://data.example.org/api/explore/v2.1/catalog/datasets"
private const val OPEN = "status = 'open'"

suspend fun ktor(town: String): Records = client.get("$BASE/x/records") {
    parameter("where", "town = \"$town\" and n > ${minimum()}")
    parameter("order_by", "name")
    url {
        parameters.append("refine", "kind:bus")
    }
}.body()

fun okhttp() = "$BASE/x/records".toHttpUrl().newBuilder()
    .addQueryParameter("select", "name, " + "count(*) as n")
    .addQueryParameter("group_by", "name")
    .build()

fun maps(since: String) {
    val params = mapOf(
        "where" to OPEN,
        "limit" to "10",
    )
    val other = mutableMapOf<String, String>()
    other["where"] = "date >= date'%s'".format(since)
    khttp.get("$BASE/x/records", params = params)
    fetch("$BASE/x/records", other)
}

fun raw(ids: List<Int>) = service.records(
    dataset = "x",
    where = """
        id in (${ids.joinToString(", ")})
        and a is not null
    """.trimIndent(),
    limit = 5,
)

fun whole(name: String) = "$BASE/x/records?where=${URLEncoder.encode("name like '$name'", "UTF-8")}&limit=2"
