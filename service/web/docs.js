// Shows what the service says of itself, by Swagger UI; nothing is asked of any other host.

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // by default the validator of swagger.io is sent the description
});
