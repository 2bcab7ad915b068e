<?php // api/explore/v2.1/catalog
$where = []; $where[] = "a = 1"; if ($x) { $where[] = "b = 2"; }
$url = sprintf('%s/x/records?%s', BASE, http_build_query(['where' => implode(' and ', $where), 'limit' => 5]));
$this->params['where'] = $all ? "c > 1" : 'd > 1';
$q = "where=" . urlencode("e > 1") . "&limit=3";
