<?php
$docs = 'https://data.example.org/api/explore/v2.1/catalog/datasets';
$labels = ['where' => 'Where do you live?', 'select' => 'Choose', 'limit' => 'No limit'];
$rows = DB::table('users')->where('a', '=', 1)->select('name')->orderBy('name')->limit(3)->get();
$q = $qb->select('u')->from('User', 'u')->where('u.id = 1')->orderBy('u.name', 'ASC');
$sql = ['select' => 'id', 'from' => 'users', 'where' => 'deleted = 0'];
$posts = $wpdb->get_results("SELECT * FROM x WHERE a = 1 LIMIT 10");
$form->add('select', 'text');
define('WHERE', 'here');
__('where', 'text-domain');
$options = ['limit' => 10, 'offset' => 20];
add_action('select', 'handler');
?>
<select name="where"><option value="a">Where = here</option></select>
