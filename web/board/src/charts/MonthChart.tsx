import { scaleBand, scaleLinear } from 'd3-scale';
import { stack, stackOffsetDiverging } from 'd3-shape';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { deals, month, short } from '../text';
import { Legend } from './Legend';
import { NumbersTable } from './NumbersTable';
import type { Months, Series } from './series';

const HEIGHT = 260;
const MARGIN = { top: 12, right: 14, bottom: 26, left: 44 };
const LABEL_PIXELS = 54;

/** Columns by month, what is below downwards: the figures stand in the table under it, and where the pointer is. */
export function MonthChart({ months, series, undatedCount, unit }: Months & { unit: string | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  const [pointed, setPointed] = useState<string>();
  useLayoutEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(240, entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [months.length > 0]);
  if (months.length === 0) return <p class="empty">{unit ? 'No deal has such an amount.' : 'No deal fits.'}</p>;

  const at = ({ values, isBelow }: Series, one: string) => (values.get(one)?.value ?? 0) * (isBelow ? -1 : 1);
  const layers = stack<string, Series>().keys(series).value((one, layer) => at(layer, one)).offset(stackOffsetDiverging)(months);
  const edges = layers.flatMap((layer) => layer.flatMap(([low, high]) => [low, high]));
  const x = scaleBand(months, [MARGIN.left, width - MARGIN.right]).paddingInner(0.28).paddingOuter(0.1);
  const y = scaleLinear([Math.min(0, ...edges), Math.max(0, ...edges) || 1], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(4);
  const ticks = y.ticks(4).filter((tick) => unit || Number.isInteger(tick));
  const every = Math.ceil(LABEL_PIXELS / x.step());
  const named = series.map(({ name, color }) => ({ name, color }));
  const text = (one: Series, of: string) => one.values.get(of)?.text ?? '–';
  return (
    <div class="months" ref={box}>
      <Legend items={named} />
      <svg width={width} height={HEIGHT} role="img" aria-label={`${months.length} months; the numbers follow in a table`}>
        {ticks.map((tick) => (
          <g key={tick} class="tick" data-zero={tick === 0}>
            <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
            <text x={MARGIN.left - 8} y={y(tick)} dy="0.32em">
              {short(Math.abs(tick))}
            </text>
          </g>
        ))}
        {layers.map((layer) =>
          layer.map(([low, high], index) => (
            <rect
              key={`${layer.key.name}/${months[index]}`}
              class="part"
              data-color={layer.key.color}
              x={x(months[index] ?? '')}
              width={x.bandwidth()}
              y={y(high)}
              height={Math.max(0, y(low) - y(high))}
            />
          )),
        )}
        {months.map((one, index) => (
          <g key={one} onPointerEnter={() => setPointed(one)} onPointerLeave={() => setPointed(undefined)}>
            <rect class="field" x={(x(one) ?? 0) - (x.step() - x.bandwidth()) / 2} width={x.step()} y={0} height={HEIGHT} />
            {(months.length - 1 - index) % every === 0 && (
              <text class="month" x={(x(one) ?? 0) + x.bandwidth() / 2} y={HEIGHT - 8}>
                {month(one)}
              </text>
            )}
          </g>
        ))}
      </svg>
      {pointed && (
        <div
          class="pointed"
          data-side={months.indexOf(pointed) > months.length / 2 ? 'left' : 'right'}
          style={{ left: `${(x(pointed) ?? 0) + x.bandwidth() / 2}px` }}
        >
          <b>{month(pointed)}</b>
          {series.map((one) => (
            <span key={one.name}>
              <span class="part" data-color={one.color} /> {one.name} <b>{text(one, pointed)}</b>
            </span>
          ))}
        </div>
      )}
      {undatedCount > 0 && <p class="faint">{deals(undatedCount)} without a month are not shown.</p>}
      <NumbersTable
        heads={['Month', ...series.map(({ name }) => name)]}
        rows={[...months].reverse().map((one) => [month(one), ...series.map((each) => text(each, one))])}
      />
    </div>
  );
}
