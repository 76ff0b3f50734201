package cdiscount

import (
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

const xmlContent = "text/xml; charset=utf-8"

// xmlAnswer is an answer in XML.
func xmlAnswer(status int, body string) face.Answer {
	a := face.Text(status, xmlContent, body)
	a.Compress = true
	return a
}

// Namespaces of fault codes (cdiscount-soap.md 4.3). The one of ActionNotSupported is WCF's.
const (
	nsDispatcher = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
	nsAddressing = "http://schemas.microsoft.com/ws/2005/05/addressing/none"
)

// soapFault is a SOAP fault: HTTP 500. space is the namespace of a code with prefix a; empty for the prefix s.
func soapFault(code, space, text string) face.Answer {
	var d document
	d.raw(`<s:Envelope xmlns:s="` + nsSOAP + `"><s:Body><s:Fault><faultcode`)
	if space != "" {
		d.raw(` xmlns:a="` + space + `"`)
	}
	d.raw(`>`)
	d.b = appendEscaped(d.b, code)
	d.raw(`</faultcode><faultstring xml:lang="fr-FR">`)
	d.b = appendEscaped(d.b, text)
	d.raw(`</faultstring></s:Fault></s:Body></s:Envelope>`)
	return xmlAnswer(http.StatusInternalServerError, string(d.b))
}

// tokenFault is how token and rights are refused (cdiscount-soap.md 2).
func tokenFault(text string) face.Answer { return soapFault("s:RequestTokenValidationError", "", text) }

// deserializationFailed is how an illegal value is refused.
func deserializationFailed(parameter string, err error) face.Answer {
	return soapFault("a:DeserializationFailed", nsDispatcher,
		"The formatter threw an exception while trying to deserialize the message: There was an error while trying to deserialize "+
			"parameter "+nsData+":"+parameter+". The InnerException message was '"+err.Error()+"'.  Please see InnerException for more details.")
}

const internalErrorText = "The server was unable to process the request due to an internal error. For more information about the " +
	"error, either turn on IncludeExceptionDetailInFaults (either from ServiceBehaviorAttribute or from the <serviceDebug> " +
	"configuration behavior) on the server in order to send the exception information back to the client, or turn on tracing as " +
	"per the Microsoft .NET Framework SDK documentation and inspect the server trace logs."

// problem is an entry of an ErrorList.
type problem struct{ errorType, message string }

// base holds the fields that every result begins with (cdiscount-soap.md 3.3).
type base struct {
	message string // ErrorMessage; empty on success, but a message does not mean failure
	failed  bool
	errors  []problem
	seller  world.Seller
	token   string
	// anonymous results tell neither seller nor token, as recorded for "Vendeur désactivé".
	anonymous bool
}

// openResult writes the envelope up to the operation's own fields.
func (d *document) openResult(op operation, b base) {
	d.raw(`<s:Envelope xmlns:s="` + nsSOAP + `"><s:Body><` + op.name + `Response xmlns="` + nsData + `"><` + op.name +
		`Result xmlns:i="` + nsXSI + `"><ErrorMessage xmlns="` + nsCore + `"`)
	switch {
	case b.message == "" && op.nullText:
		d.raw(` i:nil="true"/>`)
	case b.message == "":
		d.raw(`/>`)
	default:
		d.raw(`>`)
		d.b = appendEscaped(d.b, b.message)
		d.close("ErrorMessage")
	}
	success := "true"
	if b.failed {
		success = "false"
	}
	d.raw(`<OperationSuccess xmlns="` + nsCore + `">` + success + `</OperationSuccess>`)
	d.problems("ErrorList", b.errors)
	if b.anonymous {
		d.null("SellerLogin")
		d.null("TokenId")
		return
	}
	d.text("SellerLogin", b.seller.Account)
	d.text("TokenId", b.token)
}

// closeResult closes what openResult opened.
func (d *document) closeResult(op operation) {
	d.raw(`</` + op.name + `Result></` + op.name + `Response></s:Body></s:Envelope>`)
}

// problems writes a list of errors.
func (d *document) problems(name string, list []problem) {
	if len(list) == 0 {
		d.empty(name)
		return
	}
	d.open(name)
	for _, p := range list {
		d.open("Error")
		d.text("ErrorType", p.errorType)
		d.text("Message", p.message)
		d.close("Error")
	}
	d.close(name)
}

// result is an answer whose own fields fit into memory.
func result(op operation, b base, own func(d *document)) face.Answer {
	var d document
	d.openResult(op, b)
	own(&d)
	d.closeResult(op)
	return xmlAnswer(http.StatusOK, string(d.b))
}

// refusal is a result that failed as a whole: all own fields are null.
func refusal(op operation, b base) face.Answer {
	b.failed = true
	return result(op, b, func(d *document) {
		for _, field := range op.own {
			if op.space == "" {
				d.null(field)
			} else {
				d.raw(`<` + field + ` xmlns="` + op.space + `" i:nil="true"/>`)
			}
		}
	})
}
