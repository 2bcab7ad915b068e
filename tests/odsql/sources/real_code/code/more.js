// Every way in which scripts write parameters, one after the other.
const API = "https://data.example.org/api/explore/v2.1/catalog/datasets";
const OPEN = "status = 'open'";
const limit = 50;

async function pairs() {
  const params = new URLSearchParams([
    ["where", "a > 1"],
    ["order_by", 'name desc'],
  ]);
  return fetch(`${API}/x/records?${params}`);
}

async function shorthand(code) {
  const where = `code = "${code}"`
    + " and b > 2";
  const params = { where, limit };
  return ky.get(`${API}/x/records`, { searchParams: params }).json();
}

function members(client) {
  const params = {};
  params.select = "name";
  params["group_by"] = "name";
  params.where = OPEN;
  return client.get("/x/records", { params });
}

function grown(town) {
  let where = "a = 1";
  where += " and b = 2";
  if (town) {
    where += ` and town = "${town}"`;
  }
  return got(`${API}/x/records`, { searchParams: { where, refine: ["a:b", "c:d"] } });
}

function joined(ids) {
  const where = ["a = 1", `id in (${ids.join(", ")})`].join(" and ");
  $.getJSON(`${API}/x/records`, { where: where, limit: 10 }, done);
  request.get(`${API}/x/records`).query({ where: "x > 1", rows: 1 }).end(done);
  return `${API}/x/records?` + qs.stringify({ select: ["name", "code"].join(","), order_by: "name" });
}

function either(all) {
  return axios({
    url: `${API}/x/exports/json`,
    params: { where: all ? "a > 1" : "a > 2", ...more, limit: -1 },
  });
}

function old() {
  return querystring.stringify({ facet: "region", where: "a is not null" });
}

async function spread() {
  const url = new URL(`${API}/x/records`);
  Object.entries({ where: "date > now(days=-7)", order_by: "date" })
    .forEach(([name, value]) => url.searchParams.append(name, value));
  let address = `${API}/x/records`;
  address += "?where=" + encodeURIComponent("name like 'a%'");
  address += "&limit=5";
  return fetch(url);
}

const text = String.raw`?where=a\b`;
i18n.add({ where: "Where", select: "Choose" });
const form = { select: "Choose a fuel", where: "Where do you live?" };
