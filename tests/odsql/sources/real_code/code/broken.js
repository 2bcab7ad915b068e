// Two mistakes, each at its own line.
const URL_BASE = "https://data.example.org/api/explore/v2.1/catalog/datasets/x/records";
const where = "status = 'open'"
  + " and n >";
axios.get(URL_BASE, { params: { where, select: "count(*) as n", order_by: "n desc" } });
fetch(`${URL_BASE}?select=name&group_by=${encodeURIComponent("name,")}`);
fetch(`${URL_BASE}?where=${encodeURIComponent(`a in (${ids})`)}`);
