// Requests to another API beside one to the Explore API.
const PORTAL = "https://data.example.org/api/explore/v2.1/catalog/datasets/x/records";
const GIS = "https://gis.example.org/arcgis/rest/services/roads/FeatureServer/0/query";
const rest = "https://rest.example.org/v1/people";
axios.get(GIS, { params: { where: "OBJECTID > 0 AND STATUS IS NOT NULL", outFields: "*", limit: 5 } });
axios({ url: "https://rest.example.org/v1/people", params: { select: "id,name", order_by: "-name" } });
fetch(`https://rest.example.org/v1/people?${new URLSearchParams({ select: "id;name", limit: "3" })}`);
const query = new URLSearchParams({ select: "name!", limit: "3" });
fetch(rest + "?" + query);
fetch(`https://rest.example.org/v1/people?where=${encodeURIComponent("a ~ 1")}&limit=3`);
fetch(`${PORTAL}?where=${encodeURIComponent("a > 1")}`);
