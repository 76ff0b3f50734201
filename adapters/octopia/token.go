package octopia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/relaishq/relais/adapters/sdk"
)

// routeToken names the token service in messages.
const routeToken = "token service"

// shortestLife is what a token is taken to live when its answer does not say: an old page says five minutes, recorded answers
// two hours (octopia-rest.md 1).
const shortestLife = 5 * time.Minute

// issueToken asks the token service for a token: a form with client_id, client_secret and grant_type in the body
// (octopia-rest.md 1). now is when the request was made. Errors are the SDK's.
func issueToken(ctx context.Context, port *httpPort, id identity, now time.Time) (token, error) {
	config := clientcredentials.Config{
		ClientID: id.clientID, ClientSecret: id.secret, TokenURL: id.tokenURL, AuthStyle: oauth2.AuthStyleInParams,
	}
	client := &http.Client{Transport: tokenTransport{port}, CheckRedirect: port.reads.CheckRedirect}
	issued, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return token{}, tokenFailure(err, now)
	}
	return readToken(issued, now)
}

// readToken checks what the token service issued.
func readToken(issued *oauth2.Token, now time.Time) (token, error) {
	switch {
	case !strings.EqualFold(issued.Type(), "Bearer"):
		return token{}, sdk.MalformedAnswer("%s: the token is not a bearer token", routeToken)
	case len(issued.AccessToken) > maxToken:
		return token{}, sdk.MalformedAnswer("%s: the token is longer than %d bytes", routeToken, maxToken)
	case !isToken(issued.AccessToken):
		return token{}, sdk.MalformedAnswer("%s: the token holds characters that no token has", routeToken)
	}
	return token{value: issued.AccessToken, obtained: now, expires: now.Add(lifeOf(issued.Extra("expires_in")))}, nil
}

// maxLife bounds how long a token is taken to live, whatever the answer says.
const maxLife = 24 * time.Hour

// lifeOf reads expires_in, in seconds, a number or its digits.
func lifeOf(expiresIn any) time.Duration {
	var seconds float64
	switch v := expiresIn.(type) {
	case float64:
		seconds = v
	case json.Number:
		seconds, _ = v.Float64()
	case string:
		seconds, _ = strconv.ParseFloat(v, 64)
	}
	switch {
	case !(seconds >= 1): // absent, unreadable, negative, not a number
		return shortestLife
	case seconds > maxLife.Seconds():
		return maxLife
	}
	return time.Duration(seconds * float64(time.Second))
}

// tokenFailure turns a failed exchange with the token service into an error of the SDK. Texts of package oauth2 quote the answer
// and are never passed on.
func tokenFailure(err error, now time.Time) error {
	var lost *lostError
	var malformed *malformedError
	var refused *oauth2.RetrieveError
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", routeToken, context.Canceled)
	case errors.As(err, &lost):
		return sdk.MarketplaceDown(0, "%s: %s", routeToken, lost.describe())
	case errors.As(err, &malformed):
		return sdk.MalformedAnswer("%s: %s", routeToken, malformed)
	case errors.As(err, &refused):
		return tokenRefusal(refused, now)
	}
	return sdk.MalformedAnswer("%s: the answer holds no token", routeToken)
}

// tokenRefusal reads an answer of the token service that says no. Only its own words are a refusal of the credentials: a page, an
// empty answer or one of the gateway may come from whatever stands before it, and says nothing of them.
func tokenRefusal(refused *oauth2.RetrieveError, now time.Time) error {
	status := refused.Response.StatusCode
	e := parseProblem(status, refused.Response.Header, refused.Body, now)
	switch {
	case e.throttled():
		return sdk.Throttled(e.wait, "%s: HTTP %d, the client's token quota is used up", routeToken, status)
	case e.down():
		return sdk.MarketplaceDown(e.wait, "%s: HTTP %d", routeToken, status)
	case status >= 300 && status < 400:
		return sdk.MalformedAnswer("%s: HTTP %d leads to another address, which is not followed", routeToken, status)
	case refusesClient(refused.ErrorCode), refused.ErrorCode == "" && e.refusesClient():
		return sdk.CredentialsRejected("the token service does not accept client id and client secret (HTTP %d)", status)
	case aboutRequest(refused.ErrorCode):
		return sdk.MarketplaceRefused("%s: HTTP %d, %s", routeToken, status, refused.ErrorCode)
	case status == http.StatusNotFound:
		return sdk.MarketplaceRefused("%s: HTTP %d; check %s", routeToken, status, keyToken)
	}
	return sdk.MalformedAnswer("%s: HTTP %d, and not in its words; if it stays, check client id, client secret and %s", routeToken, status, keyToken)
}

// refusesClient reports whether an error code of OAuth 2.0 (RFC 6749, 4.1.2.1 and 5.2) speaks of the client. Keycloak says the first
// (octopia-rest.md 1); which it says to a wrong secret differs between its versions.
func refusesClient(code string) bool {
	switch code {
	case "invalid_client", "unauthorized_client", "invalid_grant", "access_denied":
		return true
	}
	return false
}

// refusesClient reports whether a problem of the token service speaks of the client: 400 or 401, as a page of the documentation
// announces (octopia-rest.md 1, 13.9), that names no field of the request.
func (e *apiError) refusesClient() bool {
	return (e.status == http.StatusBadRequest || e.status == http.StatusUnauthorized) &&
		e.kind == bodyProblem && e.title != "" && len(e.fields) == 0
}

// aboutRequest reports whether an error code of OAuth 2.0 (RFC 6749, 5.2) speaks of the request and not of the client.
func aboutRequest(code string) bool {
	switch code {
	case "invalid_request", "unsupported_grant_type", "invalid_scope":
		return true
	}
	return false
}
