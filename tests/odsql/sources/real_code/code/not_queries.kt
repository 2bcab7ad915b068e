// See https://data.example.org/api/explore/v2.1/catalog/datasets
fun f() {
    val labels = mapOf("where" to "Where do you live?", "select" to "Choose")
    Users.select(Users.name).where { Users.id eq 1 }.orderBy(Users.name).limit(10)
    prefs.put("limit", "10")
    view.label(select = "Choose", where = "Here")
}
