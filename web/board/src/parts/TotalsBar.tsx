import { SUMMARY } from '../documents';
import { filterOf } from '../filters';
import { useNavigation } from '../navigation';
import { usePolled } from '../polled';
import { deals } from '../text';
import { sumsOf } from '../totals';
import { useNotice } from './Notices';
import { SumList } from './SumList';

/** How many deals the filters let through, and what they are worth. */
export function TotalsBar() {
  const { route } = useNavigation();
  const variables = { groupBy: [], filter: filterOf(route), search: route.search };
  const { data, error, again } = usePolled(SUMMARY, variables);
  useNotice(error, again);
  const rows = data?.opportunitySummary?.rows;
  return (
    <div class="totals">
      <output aria-label="Deals shown">{rows ? deals(sumsOf(rows).count) : error ? 'Not counted' : 'Counting…'}</output>
      {rows && <SumList rows={rows} most={5} />}
    </div>
  );
}
