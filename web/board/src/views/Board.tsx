import { useRef } from 'preact/hooks';
import { BOARD } from '../documents';
import type { Total } from '../documents';
import { filterOf } from '../filters';
import type { BoardQuery } from '../gql/graphql';
import { useNavigation } from '../navigation';
import { SourceBadge } from '../parts/Badges';
import { useNotice } from '../parts/Notices';
import { SumList } from '../parts/SumList';
import { usePolled } from '../polled';
import { NONE } from '../route';
import { stageOrder } from '../stage_order';
import { deals } from '../text';
import { grouped, sumsOf } from '../totals';
import { StageColumn } from './StageColumn';

type Pipeline = NonNullable<BoardQuery['pipelines']>[number];
type Stage = Pipeline['stages'][number];

/** The pipelines of both systems, each with its stages side by side. */
export function Board() {
  const { route } = useNavigation();
  const { data, error, isLoading, again } = usePolled(BOARD, { filter: filterOf(route), search: route.search });
  useNotice(error, again);
  if (!data?.pipelines || !data.lanes || !data.stages) {
    return isLoading && !error ? <p class="empty">Reading…</p> : null;
  }
  const byLane = grouped(data.lanes.rows, 2);
  const rowsOf = ({ source, name }: Pipeline) => byLane.get(JSON.stringify([source, name]))?.rows ?? [];
  const byStage = grouped(data.stages.rows, 3);
  const order = stageOrder(data);
  const shown = data.pipelines.filter((pipeline) => rowsOf(pipeline).length > 0);
  if (shown.length === 0) return <p class="empty">No deal fits.</p>;
  return (
    <div class="lanes" data-single={shown.length === 1}>
      {shown.map((pipeline) => (
        <Lane
          key={`${pipeline.source}/${pipeline.name}`}
          pipeline={pipeline}
          rows={rowsOf(pipeline)}
          byStage={byStage}
          order={order}
        />
      ))}
    </div>
  );
}

type LaneProps = {
  pipeline: Pipeline;
  rows: Total[];
  byStage: Map<string, { rows: Total[] }>;
  order: ReturnType<typeof stageOrder>;
};

function Lane({ pipeline, rows, byStage, order }: LaneProps) {
  const { link } = useNavigation();
  const lane = useRef<HTMLDivElement>(null);
  const { name, source } = pipeline;
  const of = (stage: Stage) => byStage.get(JSON.stringify([source, name, stage.name]))?.rows ?? [];
  const place = (stage: Stage) => order([source, name, stage.name]);
  const stages = [...pipeline.stages].sort((one, other) => place(one) - place(other));

  const open = stages.filter((stage) => of(stage).length > 0).length;
  const width = { '--open': open, '--empty': stages.length - open } as preact.CSSProperties;

  const turn = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const column = (event.target as HTMLElement).closest('.column');
    if (!step || !column || !lane.current) return;
    const others = [...lane.current.querySelectorAll('.column')].filter((one) => one.querySelector('a[tabindex="0"]'));
    const next = others[others.indexOf(column) + step]?.querySelector<HTMLElement>('a[tabindex="0"]');
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <section class="lane" aria-label={name ?? 'No pipeline'} style={width}>
      <header>
        <h2>
          <a href={link({ source, pipeline: name ?? NONE, stage: undefined })}>{name ?? 'No pipeline'}</a>
        </h2>
        <SourceBadge source={source} />
        <span class="faint">{deals(sumsOf(rows).count)}</span>
        <SumList rows={rows} most={3} />
      </header>
      <div class="columns" ref={lane} role="group" aria-label="Stages" tabIndex={0} onKeyDown={turn}>
        {stages.map((stage) => (
          <StageColumn key={stage.name} source={source} pipeline={name} stage={stage.name} rows={of(stage)} />
        ))}
      </div>
    </section>
  );
}
