/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPPFVS_NL_REFUSE_H
#define _IPPFVS_NL_REFUSE_H

#include <linux/netlink.h>

/* Refuse: a sentence, the attribute it is about, and the error returned. */
#define ippfvs_nl_refuse(extack, attr, err, sentence) ({	\
	NL_SET_ERR_MSG_ATTR(extack, attr, sentence);		\
	(err);							\
})

#endif /* _IPPFVS_NL_REFUSE_H */
