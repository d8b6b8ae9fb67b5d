// In which order the stages of a pipeline stand, in every view.
import type { StagesFragment } from './gql/graphql';
import { grouped } from './totals';

const CLOSED = ['WON', 'LOST'];

/**
 * Returns the place of a stage (source, pipeline, stage) among those of its pipeline: its source's position. Where the
 * source says none, all stages are equal, but for those that have closed deals alone: these are last.
 */
export function stageOrder({ pipelines, outcomes }: StagesFragment): (keys: (string | null)[]) => number {
  const positions = new Map(
    (pipelines ?? []).flatMap(({ source, name, stages }) =>
      stages.map((stage) => [JSON.stringify([source, name, stage.name]), stage.position] as const),
    ),
  );
  const statuses = grouped(outcomes?.rows ?? [], 3);
  const isClosed = (place: string) =>
    statuses.get(place)?.rows.every(({ keys }) => CLOSED.includes(keys[3]?.value ?? '')) ?? false;
  return (keys) => {
    const place = JSON.stringify(keys);
    return positions.get(place) ?? Number.MAX_SAFE_INTEGER / 2 + Number(isClosed(place));
  };
}
