/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPPFVS_VERSION_H
#define _IPPFVS_VERSION_H

#define IPPFVS_VERSION "1.0.0"

#endif /* _IPPFVS_VERSION_H */
