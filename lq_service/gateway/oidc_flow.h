/* One sign-in, from the page to the provider and back: oidc_flow.c. */
#ifndef LQ_SERVICE_GATEWAY_OIDC_FLOW_H
#define LQ_SERVICE_GATEWAY_OIDC_FLOW_H

#include "lq_service/gateway/gateway_oidc_int.h"

/* SIGN_IN: on to the provider. SIGNED_IN: back from it. Always answered, with a redirect or a page
 * that a person can read; what is refused is told to the tenant's log. */
void lqi_flow_begin(lqi_conn *c, const lq_http_request *request, const lqi_target *target);
const char *lqi_login_cookie(const lqi_oidc *o);

#endif
