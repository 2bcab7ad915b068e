package x

const docs = "https://data.example.org/api/explore/v2.1/catalog/datasets"

var labels = map[string]string{"where": "Where do you live?", "select": "Choose"}

func f() {
	db.Where("a = ?", 1).Select("name").Order("name").Limit(10).Find(&users)
	rows, _ := db.Query("SELECT a FROM b WHERE c = 1")
	h.Set("limit", "10")
	fmt.Println("where", "a = 1")
	log.Printf("select=%s where=%s", a, b)
	flag.String("where", "", "a condition")
	squirrel.Select("a").From("b").Where("c = 1")
	os.Setenv("where", "here")
}
