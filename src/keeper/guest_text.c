/* SPDX-License-Identifier: Apache-2.0 */
/* Writes sbx.conf (docs/protocol/guest-config.md). */
#include "keeper/config.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

/* start.json is smaller than this, and percent-encoding makes three bytes of one. */
enum { TEXT_MAX = 3 * CONFIG_MAX_BYTES };

char *config_guest_text(const struct config *config)
{
	cleanup_buf struct buf text;

	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < config->share_count; i++) {
		const struct config_share *share = &config->shares[i];
		cleanup_free char *path = text_percent_encode(share->path);

		buf_appendf(&text, "share %s %s %s\n", share->tag, path,
			share->readonly ? "ro" : "rw");
	}
	for (size_t i = 0; i < config->guest_line_count; i++)
		buf_appendf(&text, "%s\n", config->guest_lines[i]);
	return xstrndup((const char *)buf_head(&text), buf_length(&text));
}
