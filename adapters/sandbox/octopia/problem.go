package octopia

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/face"
)

// Content types of the API (octopia-rest.md 1, 2).
const (
	jsonContent    = "application/json; charset=utf-8"
	problemContent = "application/problem+json"
)

// validationType is the type of validation problems.
const validationType = "https://tools.ietf.org/html/rfc7231#section-6.5.1"

// problem is an error after RFC 9457 (octopia-rest.md 2).
type problem struct {
	Type    string              `json:"type,omitempty"`
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	Detail  string              `json:"detail,omitempty"`
	TraceID string              `json:"traceId,omitempty"`
	Errors  map[string][]string `json:"errors,omitempty"`
}

// traceID is told with every validation problem. It is the same each time, so that answers can be compared.
const traceID = "00-feed0000000000000000000000000000-feed000000000000-00"

// invalid is a problem with one field.
func invalid(field, text string) *problem {
	return &problem{
		Type: validationType, Title: "Validation Failed", Status: http.StatusBadRequest, TraceID: traceID,
		Errors: map[string][]string{field: {text}},
	}
}

func (p problem) answer() face.Answer { return encoded(p.Status, problemContent, p) }

// gatewayError is an error of the gateway in front of the API.
func gatewayError(status int, message string) face.Answer {
	return encoded(status, jsonContent, struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}{status, message})
}

// ok is a good answer.
func ok(body any) face.Answer { return encoded(http.StatusOK, jsonContent, body) }

// encoded is an answer in JSON.
func encoded(status int, contentType string, body any) face.Answer {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return face.Text(http.StatusInternalServerError, problemContent, "") // bodies hold nothing that cannot be encoded
	}
	a := face.Text(status, contentType, string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
	a.Compress = true
	return a
}
