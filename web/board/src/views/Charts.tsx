import { BarList } from '../charts/BarList';
import { MonthChart } from '../charts/MonthChart';
import { AGES, closedByMonth, createdByMonth, stageBars, stillBars } from '../charts/series';
import { CHARTS } from '../documents';
import { chartFilters } from '../filters';
import { useNavigation } from '../navigation';
import { useNotice } from '../parts/Notices';
import { Select } from '../parts/Select';
import { usePolled } from '../polled';
import { useHue } from '../sources';
import { unitName, unitsOf } from '../totals';

/** What deals are worth, by stage and over time: always of one currency and one kind of amount, or how many they are. */
export function Charts() {
  const { route, go } = useNavigation();
  const hue = useHue();
  const { data, error, again } = usePolled(CHARTS, chartFilters(route));
  useNotice(error, again);
  const [stages, created] = [data?.stages?.rows ?? [], data?.created?.rows ?? []];
  const won = data?.won?.rows ?? [];
  const lost = data?.lost?.rows ?? [];
  const undated = data?.undated?.rows ?? [];
  const units = unitsOf([...stages, ...won, ...lost, ...undated]);
  const { unit } = route;
  const measured = unit ? unitName(unit) : 'Number of deals';
  if (!data) return error ? null : <p class="empty">Reading…</p>;
  return (
    <>
      <div class="measure">
        <span aria-hidden="true">Show</span>
        <Select
          label="Show"
          value={unit ?? 'count'}
          options={[['count', 'Number of deals'], ...units.map((one): [string, string] => [one, `Amounts in ${unitName(one)}`])]}
          onChange={(chosen) => go({ unit: chosen === 'count' ? undefined : chosen })}
        />
        <span class="faint">Amounts of two currencies, or of two kinds, are never added.</span>
      </div>
      <div class="charts">
        <Chart title="By stage" about={measured}>
          <BarList bars={stageBars(data, unit, hue)} unit={unit} />
        </Chart>
        <Chart
          title="Age in stage"
          about={`${measured}, open deals, by the days since they last changed. Sources do not say when a deal came to its stage: it has been there at least that long.`}
        >
          <BarList bars={stillBars(data, unit)} unit={unit} legend={[...AGES]} />
        </Chart>
        <Chart title="By month of creation" about={measured}>
          <MonthChart {...createdByMonth(created, unit, hue)} unit={unit} />
        </Chart>
        <Chart
          title="Won and lost"
          about={`${measured}, whatever the status chosen above. ChartMogul does not say when a deal was closed: its deals stand at their last change.`}
        >
          <MonthChart {...closedByMonth(won, lost, undated, unit)} unit={unit} />
        </Chart>
      </div>
    </>
  );
}

const Chart = ({ title, about, children }: { title: string; about: string; children: preact.ComponentChildren }) => (
  <section class="chart" aria-label={title}>
    <h2>{title}</h2>
    <p class="faint">{about}</p>
    {children}
  </section>
);
