import { OF_ANY_AGE, SAME_CUSTOMER } from '../documents';
import type { CustomerMatch } from '../gql/graphql';
import { sourceName } from '../failures';
import { useNavigation } from '../navigation';
import { SourceBadge, StatusBadge } from '../parts/Badges';
import { useNotice } from '../parts/Notices';
import { usePolled } from '../polled';
import { useSession } from '../session';
import { customerName, deals, money } from '../text';

const MATCHES: Record<CustomerMatch, string> = {
  SOURCE_ID: 'the same customer id',
  EMAIL: 'the same email address',
  LINK: 'a link between both systems',
};

/** The other deals of a deal's customer, those of other systems first. */
export function SameCustomer({ id, source }: { id: string; source: string }) {
  const { link } = useNavigation();
  const { seesPeople } = useSession();
  const { data, error, isLoading, again } = usePolled(SAME_CUSTOMER, { id, freshness: OF_ANY_AGE, people: seesPeople }, 60_000);
  const customer = data?.opportunity?.customer;
  const found = customer?.opportunities;
  useNotice(found ? undefined : error, again);
  const others = (found?.nodes ?? []).flatMap((deal) => (deal && deal.id !== id ? [deal] : []));
  others.sort((one, other) => Number(one.source === source) - Number(other.source === source));
  const elsewhere = [...new Set(others.map((deal) => deal.source).filter((one) => one !== source))];
  const unlisted = (found?.totalCount ?? 0) - 1 - others.length;
  return (
    <section class="facts" aria-labelledby="same-customer">
      <h3 id="same-customer">The same customer</h3>
      {!found && error && <p class="faint">Not known now.</p>}
      {!found && !error && isLoading && <p class="faint">Looking…</p>}
      {!found && !error && !isLoading && <p class="faint">No customer is recorded.</p>}
      {found && (
        <p class="faint">
          {others.length === 0
            ? 'No other deals.'
            : elsewhere.length > 0
              ? `Also in ${elsewhere.map(sourceName).join(' and ')}.`
              : 'No deals in another system.'}{' '}
          {customer.matchedBy && customer.matchedBy.length > 0 &&
            `Found by ${customer.matchedBy.map((one) => MATCHES[one] ?? one).join(' or ')}.`}
        </p>
      )}
      <ul class="others">
        {others.map((deal) => (
          <li key={deal.id}>
            <a href={link({ deal: deal.id })}>
              <SourceBadge source={deal.source} />
              <span class="name">{deal.__typename === 'NexudusOpportunity' && deal.name ? deal.name : customerName(deal)}</span>
              <span class="faint">{deal.stageName ?? 'No stage'}</span>
              <StatusBadge status={deal.status} />
              <span class="amount">{money(deal.value) ?? 'No amount'}</span>
            </a>
          </li>
        ))}
      </ul>
      {unlisted > 0 && <p class="faint">And {deals(unlisted)} more.</p>}
    </section>
  );
}
