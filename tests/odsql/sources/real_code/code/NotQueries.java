class NotQueries {
    static final String DOCS = "https://data.example.org/api/explore/v2.1/catalog/datasets";
    void f() {
        labels.put("where", "Where do you live?");
        labels.put("select", "Choose");
        em.createQuery("select u from User u where u.id = 1").setParameter("limit", 10);
        Map<String, String> words = Map.of("where", "Where", "select", "Choose");
        dsl.select(a).from(b).where("c = 1").orderBy("a").limit(10);
        headers.add("limit", "10");
        logger.info("where", "a = 1");
        session.setAttribute("select", "name");
    }
}
