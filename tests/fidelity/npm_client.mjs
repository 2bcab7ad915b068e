// The npm package @opendatasoft/api-client against a portal: each of its operations, and what its
// helpers write into queries.
//
// test_npm_client.py runs this file with the URL of a portal and the identifier of a record, and
// reads what it prints: a JSON object with the answer, or the error, to each call.

import { createRequire } from 'node:module';

const api = createRequire(import.meta.url)('@opendatasoft/api-client');
const { all, date, dateTime, field, fromCatalog, list, lower, not, one, string } = api;

const [url, recordId] = process.argv.slice(2);
const client = new api.ApiClient({ domain: url });
const text = { interceptResponse: (response) => response.text() };
const things = fromCatalog().dataset('things');

const calls = {
    datasets: () => client.get(fromCatalog().datasets().limit(1)),
    'catalog facets': () => client.get(fromCatalog().facets().facet('publisher')),
    'catalog export': () => client.get(fromCatalog().export('json')),
    'catalog export as text': () => client.get(fromCatalog().export('csv').limit(1), text),
    dataset: () => client.get(things.itself()),
    records: () => client.get(things.records().limit(2).offset(1)),
    record: () => client.get(things.record(recordId)),
    facets: () => client.get(things.facets().facet('tags').facet('day').refine('tags:b').lang('fr')),
    export: () => client.get(things.export('json').orderBy('id desc').limit(1)),
    'export as text': () => client.get(things.export('csv').select('id').set('with_bom', 'false'), text),
    groups: () =>
        client.get(
            things
                .records()
                .groupBy(`${lower('name')} as n`)
                .select(list('n', undefined, 'count(*) as many'))
                .orderBy('-many, n')
        ),
    conditions: () =>
        client.get(
            things
                .records()
                .select('id')
                .where(
                    all(
                        `${field('name')}: ${string('mill street; the "narrow" one')}`,
                        one(`${field('id')} = 3`, undefined, `${field('open')} is null`),
                        not(`${field('day')} < ${date({ year: 2026, month: 9, day: 1 })}`),
                        `${field('moment')} >= ${dateTime(new Date(Date.UTC(2026, 7, 30)))}`
                    )
                )
        ),
    'time zone': () => client.get(things.records().select('moment').limit(1).timezone('Europe/Paris')),
    exclusion: () => client.get(things.records().select('id').exclude('code:44035')),
    'an unknown dataset': () => client.get(fromCatalog().dataset('nothing').records()),
    'an unknown field': () => client.get(things.records().select('nope')),
    'hidden records': () => client.get(fromCatalog().dataset('hidden').records()),
};

const answers = {};
for (const [name, call] of Object.entries(calls)) {
    try {
        answers[name] = await call();
    } catch (error) {
        const kind = ['NotFoundError', 'UserError'].find((known) => error instanceof api[known]);
        answers[name] = { error: kind ?? String(error), code: error.details?.error_code };
    }
}
console.log(JSON.stringify(answers));
