// None of these is a request to an Explore API, whatever its keys are called.
const DOCS = 'https://data.example.org/api/explore/v2.1/console';
const API = 'https://data.example.org/api/explore/v2.1/catalog/datasets';
const labels = { where: 'Where do you live?', select: 'Choose a fuel', limit: 'unlimited' };
const words = { where: 'Where', select: 'Select', order_by: 'Sort by' };
const users = await prisma.user.findMany({ where: { name: 'a' }, select: { id: true }, orderBy: { id: 'desc' } });
const sql = { select: 'SELECT * FROM users', where: 'WHERE deleted <> 1', order_by: 'created_at::date DESC' };
const parts = { from: 'users', select: 'id, name', where: 'deleted = 0', orderBy: 'id' };
knex('users').where('deleted', '=', 0).select('id', 'name').orderBy('name').limit(10);
db.select('name').from('users').where('a = 1').limit(5);
document.querySelector('select').addEventListener('change', listen);
element.setAttribute('select', 'name');
form.append('where', 'Where?');
localStorage.setItem('select', 'name');
t('where', 'Where do you live?');
router.push({ name: 'list', query: { page: '2', limit: '10' } });
const table = { columns: [{ select: 'name', label: 'Name' }], limit: 10, offset: 0 };
headers.set('limit', '10');
const model = await Model.findAll({ where: { a: 1 }, limit: 10, include: [Other] });
const query = `SELECT name FROM t WHERE a = 1 LIMIT 10`;
const map = new Map([['where', 'Where is it?'], ['select', 'Choose']]);
i18n.t('select', { where: 'here' });
const page = `https://example.org/search?limit=10&offset=20`;
gql`query { a(where: "x = 1", limit: 1) { id } }`;
console.log('where=here', 'select=a');
const steps = [{ select: 'Option 1' }, { where: 'Step = 2', label: 'x' }];
if (x === 'where=' + y) { done(); }
const arc = 'https://gis.example.org/arcgis/rest/services/a/query?where=1%3D1&outFields=*&f=json';
