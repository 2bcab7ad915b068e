package portal;

import java.net.URI;
import java.util.*;

public class Portal {
    private static final String BASE = "https://data.example.org/api/explore/v2.1/catalog/datasets";
    private static final String OPEN = "status = 'open'";

    URI spring(String town) {
        return UriComponentsBuilder.fromHttpUrl(BASE + "/x/records")
            .queryParam("where", "town = \"" + town + "\" and n > 5")
            .queryParam("order_by", "name")
            .queryParam("limit", 20)
            .build().toUri();
    }

    HttpUrl okhttp() {
        HttpUrl.Builder builder = HttpUrl.parse(BASE + "/x/records").newBuilder();
        builder.addQueryParameter("select", "name, count(*) as n");
        builder.addQueryParameter("group_by", "name");
        return builder.build();
    }

    Map<String, String> maps(String since) {
        Map<String, String> fixed = Map.of("where", OPEN, "limit", "10");
        Map<String, String> params = new HashMap<>();
        params.put("where", String.format("date >= date'%s'", since));
        params.put("order_by", "date desc");
        return client.get(BASE + "/x/records", params);
    }

    URI apache() throws Exception {
        List<NameValuePair> pairs = List.of(
            new BasicNameValuePair("where", "a is not null"),
            new BasicNameValuePair("select", "a"));
        URIBuilder uri = new URIBuilder(BASE + "/x/records");
        uri.addParameter("refine", "kind:bus").addParameter("lang", "fr");
        return uri.addParameters(pairs).build();
    }

    Response jersey() {
        return client.target(BASE).path("x/records").queryParam("where", """
            kind = "bus"
            and n > 3""").queryParam("limit", 5).request().get();
    }

    String whole(String ids) {
        String where = URLEncoder.encode("id in (" + ids + ")", StandardCharsets.UTF_8);
        return BASE + "/x/records?where=" + where + "&select=name&limit=3";
    }

    String labels() {
        labels.put("where", "Where do you live?");
        return jooq.select("name").where("a = 1").toString();
    }
}
