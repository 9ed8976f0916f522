// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, sending half: how long to wait for an ack.
 *
 * A receiver delays its ack because the program may soon have an answer that
 * the ack can ride on.  One that serves many clients has it only when it has
 * served the others, and a frame for each ack would cost it more than half of
 * what the answers do.  So the sender measures how long answers take, and says
 * in its frames how long an ack may wait, at least 0.5 ms: its patience.  Its
 * own timers wait for twice that, so loss is found that much later, but never
 * much later than the answer would have come.
 *
 * A path, or a peer in a guest whose host is busy, may also stop for some
 * milliseconds.  The sender's timers then expire for nothing.  The receiver
 * says when something came twice, and that is a reason for more patience, too.
 * It counts only if one segment was under way, for more than one show by
 * themselves what was lost, and many senders before one full port would wait
 * for longer than their losses take to mend.
 */
#include "rel/rel_tx.h"

static void fsk_tx_be_patient(struct fsk_rel_tx *tx, u8 patience)
{
	tx->prompt = 0;
	tx->patience = patience;
	if (tx->srtt)
		fsk_tx_set_rto(tx);
}

static void fsk_tx_more_patience(struct fsk_rel_tx *tx)
{
	fsk_tx_be_patient(tx, min(tx->patience + 1, FSK_PATIENCE_MAX));
}

static void fsk_tx_less_patience(struct fsk_rel_tx *tx)
{
	if (tx->patience)
		fsk_tx_be_patient(tx, tx->patience - 1);
}

/* So much was not needed this time. */
static void fsk_tx_spare(struct fsk_rel_tx *tx)
{
	if (++tx->prompt >= FSK_PATIENCE_KEEP)
		fsk_tx_less_patience(tx);
}

/**
 * fsk_tx_waited - an ack has come: shrink patience if it was in vain
 * @tx: sending half; @repeated is still set if a timer had something sent
 *	again and nobody has said that it was for nothing
 * @rtt: ns
 *
 * In vain it was also if all that time there was nothing that the ack could
 * ride on.
 *
 * Context: any; the caller serialises.
 */
void fsk_tx_waited(struct fsk_rel_tx *tx, u64 rtt)
{
	if (tx->repeated) {
		tx->repeated = false;
		tx->needless = false;
		fsk_tx_less_patience(tx);
	} else if (rtt <= fsk_rel_patience(tx) / 4 ||
		   rtt >= fsk_rel_patience(tx)) {
		fsk_tx_spare(tx);
	}
}

/**
 * fsk_rel_tx_answered - the first bytes since this end last sent some
 * @tx: sending half
 * @took: ns, since it sent them; more than a quarter of its patience
 *
 * Use fsk_rel_tx_heard().  Patience grows by one step for each answer that was
 * late, and shrinks slowly: a late answer costs a frame, and a copy perhaps.
 * An answer that would be too late for any patience needs none.
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_answered(struct fsk_rel_tx *tx, u64 took)
{
	if (took > FSK_DELACK_NS << FSK_PATIENCE_MAX)
		fsk_tx_spare(tx);
	else if (took > fsk_rel_patience(tx) / 4 * 3)
		fsk_tx_more_patience(tx);
	else
		tx->prompt = 0;
}

/**
 * fsk_tx_needless - a timer had something sent again for nothing
 * @tx: sending half
 *
 * Where losses are real, now and then a timer is early, too: only when two
 * were, and none between was right, they have to wait.
 *
 * Context: any; the caller serialises.
 */
void fsk_tx_needless(struct fsk_rel_tx *tx)
{
	if (!tx->repeated)
		return;
	tx->repeated = false;
	if (tx->needless) {
		tx->needless = false;
		fsk_tx_more_patience(tx);
	} else {
		tx->needless = true;
	}
}

/**
 * fsk_rel_tx_twice - the peer says that something arrived twice
 * @tx: sending half, before fsk_rel_tx_ack()
 * @ack: the number that the same frame acknowledges; an old one says nothing
 *
 * Frames may be doubled on the way, so it counts only after a timer had
 * something sent again.
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_twice(struct fsk_rel_tx *tx, u32 ack)
{
	if (!fsk_before(ack, tx->una) && !fsk_after(ack, tx->nxt))
		fsk_tx_needless(tx);
}
