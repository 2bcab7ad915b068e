#!/bin/sh
# https://data.example.org/api/explore/v2.1/catalog/datasets
API=https://data.example.org/api/explore/v2.1/catalog/datasets
psql -c "select a from b where c = 1 limit 10"
echo "where = here"
select=name where=here limit=10
curl -X POST -d "name=a&value=b" https://example.org
test "$where" == "a = 1" && echo "select==a"
