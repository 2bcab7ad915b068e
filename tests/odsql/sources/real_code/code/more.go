package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	base  = "https://data.example.org/api/explore/v2.1/catalog/datasets"
	order = "date desc"
)

type query struct {
	Where  string
	Select string
	Limit  int
}

func literal() string {
	params := url.Values{
		"where":    []string{"a > 1"},
		"order_by": {order},
		"refine":   {"a:b", "c:d"},
	}
	return base + "/x/records?" + params.Encode()
}

func request(town string) (*http.Request, error) {
	req, err := http.NewRequest("GET", base+"/x/records", nil)
	if err != nil {
		return nil, err
	}
	q := req.URL.Query()
	q.Add("select", "name, "+
		"code")
	q.Add("where", fmt.Sprintf("town = \"%s\" and n >= %d", town, 5))
	q.Set("limit", "20")
	req.URL.RawQuery = q.Encode()
	return req, nil
}

func mapped() map[string]string {
	params := map[string]string{"where": "a is not null", "group_by": "kind"}
	params["select"] = "count(*) as n"
	return params
}

func whole(ids []string) string {
	return fmt.Sprintf("%s/x/records?where=%s&limit=%d", base, url.QueryEscape("id in ("+strings.Join(ids, ",")+")"), 10)
}

func fields() query {
	return query{Where: `kind = "bus"`, Select: "name", Limit: 5}
}

func fluent() {
	resty.New().R().SetQueryParam("where", "b < 2").SetQueryParams(map[string]string{
		"order_by": "b",
		"limit":    "3",
	}).Get(base + "/x/records")
}
