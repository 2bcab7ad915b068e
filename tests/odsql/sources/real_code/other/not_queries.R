# https://data.example.org/api/explore/v2.1/console is a console of api/explore/v2.1
library(dplyr)
library(DBI)
df |> select(where(is.numeric)) |> filter(a == "b")
subset(df, select = c("a", "b"))
subset(df, select = "a")
labels <- list(select = "Choose a fuel", where = "Where do you live?", limit = "unlimited")
sql <- list(select = "SELECT * FROM users", where = "WHERE deleted <> 1", order_by = "a::date DESC")
dbGetQuery(con, glue("select * from t where x = {x}"))
selectInput("where", "Where?", choices = c("a"))
ui <- tabPanel(where = "left", limit = 3)
where <- "a > 3"
select = "b"
