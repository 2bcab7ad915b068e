library(httr2)
fields <- c("species", "height")

get_trees <- function(species, limit = 20) {
  "https://data.example.org/api/explore/v2.1" |>
    request() |>
    req_url_path_append("catalog/datasets/trees/records") |>
    req_url_query(
      where = glue::glue("species_name = '{species}'",
                         " and height > 10"),
      select = paste(fields, collapse = ","),
      refine = c("genus:ACER", "street:MAIN"),
      limit = limit
    ) |>
    req_perform()
}

query <- list(select = "count(*) as n", where = "height > 3")
request(url) %>% req_url_query(!!!query)
req_url_query(request(url), group_by = if (yearly) "year" else "month", order_by = "n desc")
httr2::url_modify(url, query = list(where = "diameter in [1..2]"))

# VancouvR
stats <- VancouvR::aggregate_cov_data("street-trees",
                                      group_by = "neighbourhood_name",
                                      where = "diameter > 30")
street <- get_dataset("street-trees", where = "on_street = 'MAIN ST'", select = "tree_id")
# a list that a function of somebody's own sends
read_ods("trees", where = "height > 5", order_by = "height desc")
