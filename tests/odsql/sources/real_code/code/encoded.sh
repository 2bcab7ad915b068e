#!/bin/bash
URL=https://data.example.org/api/explore/v2.1/catalog/datasets/x/records
curl -G "$URL" --data-urlencode where="n > 5" -d 'select=name%2Ccode' -d "limit=5"
PARAMS="where=n%20%3E%205&limit=1"; curl "$URL?$PARAMS"
curl "$URL?where=$(urlencode "name like '$x'")&limit=3"
curl "$URL?where=$(jq -rn --arg w "a > 1" '$w|@uri')"
W=$(printf "a > %s" "$n")
curl -sG "$URL" --data-urlencode "where=${W}" --data-urlencode "order_by=${ORDER:-name}"
