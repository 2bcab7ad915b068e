#!/usr/bin/env bash
API="https://data.example.org/api/explore/v2.1/catalog/datasets"
WHERE="year = 2024 and kind = 'bus'"
SELECT='name, count(*) as n'

curl --silent --get "$API/lines/exports/csv" \
     --data-urlencode "where=$WHERE" \
     --data-urlencode "select=${SELECT}" \
     --data-urlencode "group_by=name" --output lines.csv

args=(-G "$API/lines/records" --data-urlencode 'where=a > 1' --data-urlencode "limit=10")
curl "${args[@]}"

get() {
  curl -s -G "$API/$1/records" --url-query "where=town = \"$2\"" -d "order_by=name&limit=5"
}

http "$API/lines/records" \
  select=="name" \
  where=="id in ($IDS)" limit==3
xh get "$API/lines/records" where=='n > 2'
curl "$API/lines/records?select=name,kind&where=n%20%3E%20${N}&limit=2"
wget -qO- "https://data.example.org/api/explore/v2.1/catalog/datasets/a/records?where=n+%3E+3"
echo "where=nothing" select=nothing
