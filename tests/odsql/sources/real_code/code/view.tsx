import { fromCatalog, dateRange, all } from '@opendatasoft/api-client';

export function View({ town }: { town: string }) {
  const base = fromCatalog().dataset('events').records();
  const query = base
    .select('title, date')
    .where(`${dateRange('date', from, to)} and town = "${town}"`)
    .where(where => all(where, 'x'))
    .refine('kind:concert')
    .limit(5);
  const counts = fromCatalog().dataset('events').facets().facet('kind').where("a > 1");
  return <ul data-select="none">{useRows(query).map((row) => <li key={row.id}>{row.title}</li>)}</ul>;
}
