<?php
namespace Portal;

class Client
{
    const BASE = 'https://data.example.org/api/explore/v2.1/catalog/datasets';
    private const OPEN = "status = 'open'";

    public function guzzle(string $town): array
    {
        $response = $this->http->request('GET', self::BASE . '/x/records', [
            'query' => [
                'where' => self::OPEN,
                'select' => "name, code",
                'refine' => ['a:b', 'c:d'],
                'limit' => 10,
            ],
        ]);
        $where = "town = '{$town}'";
        $where .= ' and open = true';
        $params = ['where' => $where, 'order_by' => 'name'];
        return json_decode(file_get_contents(self::BASE . '/x/records?' . http_build_query($params)), true);
    }

    public function items($since)
    {
        $params = [];
        $params['where'] = sprintf("date >= date'%s'", $since);
        $params['group_by'] = 'kind';
        $params['refine'][] = 'kind:bus';
        $curl = curl_init(self::BASE . '/x/records?' . http_build_query($params));
        $url = self::BASE . "/x/records?select=name&where=" . urlencode("kind = 'bus'") . '&limit=2';
        return [$curl, $url];
    }

    public function heredoc($n)
    {
        return Http::get(self::BASE . '/x/records', [
            'where' => <<<ODSQL
            n > {$n}
            and kind is not null
            ODSQL,
            'select' => implode(', ', ['name', 'count(*) as n']),
        ]);
    }

    public function wordpress()
    {
        $url = add_query_arg(array('where' => 'a > 1', 'limit' => '5'), self::BASE . '/x/records');
        $url = add_query_arg('order_by', 'a', $url);
        return wp_remote_get($url);
    }
}
$labels = ['where' => __('Where'), 'select' => __('Choose')];
$sql = $db->createQuery()->select('name')->where('a = 1')->orderBy('name');
