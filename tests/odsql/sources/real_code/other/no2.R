library(httr)
library(glue)

base <- "https://data.example.org/api/explore/v2.1/catalog/datasets"
station <- "bsBLE"
columns <- "siteid, no2"

# paste0, sprintf, glue and raw strings
params <- list(
  select = columns,
  where = paste0("siteid = '", station, "' and no2 > ", threshold),
  limit = 100L
)
params$order_by <- "date_time desc"
params[["refine"]] <- 'status:"ok"'
r1 <- GET(paste0(base, "/no2/records"), query = params)

r2 <- httr::GET(
  url = glue("{base}/no2/records"),
  query = list(
    where = sprintf("no2 >= %d and year(date_time) = %s", minimum, year), # a comment, "quoted"
    group_by = glue("range(date_time, {days} days) as span"),
    select = paste("avg(no2) as mean", "count(*) as n", sep = ", "),
    order_by = paste(c("span", "mean desc"), collapse = ", ")
  )
)

u <- modify_url(base, path = "api", query = list(
  "where" = r"(name = "Kléber" and free > 3)",
  `group_by` = r"---[city]---", limit = -1
))

resp <- RETRY("GET", base, query = c(list(where = 'a = \'b\''), extra))
url <- parse_url(base)
url$query <- list(where = "b is not null", timezone = "Europe/Paris")
browse <- build_url(url)

conditions <- c("no2 > 3",
                "city is not null")
GET(base, query = list(where = paste(conditions, collapse = " and ")))
GET(base, query = list(where = paste0("pm10 > 5 and ", paste(conditions, collapse = " and "))))
