library(httr)
u <- "https://data.example.org/api/explore/v2.1/catalog/datasets/a/records"
GET(u, query = list(where = paste0("city == '", city, "'"), limit = 10))
GET(u, query = list(select = "count(*", group_by = "city"))
params <- list()
params$where <- "a > 3 and"
GET(u, query = params)
