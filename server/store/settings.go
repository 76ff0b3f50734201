package store

import (
	"net/mail"
	"net/url"
	"unicode/utf8"

	"github.com/relaishq/relais/server/problem"
)

// Limits of settings.
const (
	maxDisplayName  = 200
	maxSlipMessage  = 500
	maxContact      = 254
	maxLookBackDays = 365
)

// validate names the first field that is wrong; prefix is the path of the settings in the request.
func (s Settings) validate(prefix string) error {
	b := s.Branding
	checks := []error{
		atMost(prefix+".display_name", s.DisplayName, maxDisplayName),
		httpsURL(prefix+".branding.logo_uri", b.LogoURI),
		httpsURL(prefix+".branding.website_uri", b.WebsiteURI),
		mailAddress(prefix+".branding.support_email", b.SupportEmail),
		atMost(prefix+".branding.support_phone", b.SupportPhone, maxContact),
		atMost(prefix+".branding.packing_slip_message", b.PackingSlipMessage, maxSlipMessage),
		mailAddress(prefix+".customer_notification.reply_to", s.CustomerNotification.ReplyTo),
		lookBackDays(prefix+".look_back.first_import_days", s.LookBack.FirstImportDays),
		lookBackDays(prefix+".look_back.later_import_days", s.LookBack.LaterImportDays),
		s.AcceptancePolicy.validate(prefix + ".acceptance"),
		s.ImportSchedule.validate(prefix + ".import_schedule"),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func atMost(path, value string, limit int) error {
	if n := utf8.RuneCountInString(value); n > limit {
		return problem.InvalidField(path, "has %d characters, at most %d are allowed", n, limit)
	}
	return nil
}

func httpsURL(path, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(value) > 2000 {
		return problem.InvalidField(path, "must be an absolute https URL of at most 2000 characters")
	}
	return nil
}

func mailAddress(path, value string) error {
	if value == "" {
		return nil
	}
	if a, err := mail.ParseAddress(value); err != nil || a.Address != value || len(value) > maxContact {
		return problem.InvalidField(path, "must be a plain mail address such as help@shop.example")
	}
	return nil
}

func lookBackDays(path string, days int) error {
	if days < 0 || days > maxLookBackDays {
		return problem.InvalidField(path, "is %d; 1 to %d days are allowed, 0 means the default", days, maxLookBackDays)
	}
	return nil
}
