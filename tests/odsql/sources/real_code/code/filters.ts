const API = "https://data.example.org/api/explore/v2.1/catalog/datasets/x/records";
function a(x, town) {
  const where = [];
  where.push("a = 1");
  if (x) where.push(`b = ${x}`);
  const params = new URLSearchParams();
  params.set("where", where.join(" AND "));
  const T = "town = '{town}' and n > 1";
  params.set("select", "a, b");
  f.get(API, { params: { where: T.replace("{town}", town), order_by: "{order}", limit: "%d" } });
  $.ajax({ url: API, data: { where: "a > 1", limit: 5 } });
  fetch(encodeURI(`${API}?where=a > 1 and b = ${town}&limit=5`));
  const query = { where: 'a > 1', limit: 10 };
  const qs = Object.entries(query).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&');
  https.get({ hostname: "x", path: `/api/explore/v2.1/catalog/datasets/x/records?where=${encodeURIComponent("c > 1")}` });
}
export const QUERIES = { stations: { dataset: 'x', where: "kind = 'a'", select: 'b' } };
